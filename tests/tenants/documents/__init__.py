"""Tests of the pure work on JSON documents."""
