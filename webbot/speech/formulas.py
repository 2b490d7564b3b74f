"""Formulas (TeX) as signs that a voice can read: \\frac{a}{b} is a / b, x^2 is x², \\pi is π. No typesetting, no language."""

from __future__ import annotations

import re

SIGNS = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠",
    "approx": "≈", "infty": "∞", "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "to": "→", "rightarrow": "→",
    "Rightarrow": "⇒", "in": "∈", "cup": "∪", "cap": "∩", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
    "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω", "circ": "°", "ldots": "…", "dots": "…", "quad": " ", "qquad": " ", "sqrt": "√",
    "left": "", "right": "", "displaystyle": "", "text": "", "mathrm": "", "mathbf": "", "operatorname": "", "limits": "",
}
GROUP = r"\{([^{}]*)\}"
FRACTION = re.compile(r"\\[dt]?frac\s*" + GROUP + r"\s*" + GROUP)
ROOT = re.compile(r"\\sqrt\s*" + GROUP)
COMMAND = re.compile(r"\\([A-Za-z]+)")


def readable(formula: str) -> str:
    """One line for a voice."""
    for _ in range(4):  # fractions may hold fractions
        formula = ROOT.sub(r"√\1 ", FRACTION.sub(_fraction, formula))
    formula = COMMAND.sub(lambda found: SIGNS.get(found[1], f"{found[1]} "), formula)
    formula = re.sub(r"\^\{?2\}?(?!\d)", "²", formula)
    formula = re.sub(r"\^\{?3\}?(?!\d)", "³", formula)
    formula = formula.replace("^°", "°").replace("^{°}", "°")
    formula = re.sub(r"\\[,;:! ]|\\\\|[{}$&]|~", " ", formula)
    return " ".join(formula.replace("\\", "").split())


def _fraction(found: re.Match[str]) -> str:
    above, below = (part if re.fullmatch(r"\s*\w*\s*", part) else f"({part})" for part in found.groups())
    return f"{above} / {below}"
