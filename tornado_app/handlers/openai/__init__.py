"""The addresses of the OpenAI API that stock clients ask: calls, client secrets, models.

They translate as their neighbours do; what happens inside a call does not belong here.
"""
