"""Engines: messages in, deltas out. The contract is in base; every engine passes the same contract test."""
