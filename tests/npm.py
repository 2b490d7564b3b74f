"""Packages of npm for the tests that speak to other people's code under node."""

import shutil
import subprocess

import pytest


def fetched(source, folder):
    """`folder` with the files of `source` and the packages that its package-lock.json names; without npm the test is skipped."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed: sudo apt-get install nodejs npm")
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=170, check=False)
    if ran.returncode:
        pytest.skip(f"npm cannot fetch the packages of {source.name}: {ran.stderr[-300:]}")
    return folder
