"""The methods: one function each. Every file of this folder is imported by the registry, so a new one needs no list.

A method is a function under ``@register``; `deepdream methods`, `explain`, the documentation, the report and the tests
that hold for every method then have it.
"""
