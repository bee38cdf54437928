"""The generator: turns an OpenAPI description into attrs models and async endpoint functions.

Seven stages, each a module whose result can be printed::

    load -> merge -> patch -> lower (to ir) -> names -> emit -> write

Anything that a stage does not know is an error that names the file, the line and the JSON pointer. Nothing is written
unless everything was understood.
"""
