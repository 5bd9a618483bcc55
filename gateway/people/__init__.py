"""Who asks, and what they may do.

`gateway.people.viewer`: a person or a program, with role and properties. `gateway.people.audit`: what they did.
"""
