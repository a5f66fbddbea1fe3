"""The addresses of those who run the gateway, beside the metrics: who asks, and what was asked.

They do nothing themselves (`tornado_app.admin`), and none of them is at the door for clients.
"""
