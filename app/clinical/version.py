"""The version of the derivation, stamped on every evaluation."""

CODE_VERSION = "0.1.0"
