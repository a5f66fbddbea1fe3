"""Parley's gateway, layer by layer; imports point down only.

server      start, drain, stop
app         routes and Tornado settings
handlers    Tornado's callbacks, translated
connection  performs a session's commands: the one place where loop, threads and pool meet
upstream, audio_pipeline, client_writer   what a connection performs with
session     pure behaviour: events in, commands out
protocol    pure text <-> values
tokens, origins, proxies, limits, settings, logs, errors   leaves
"""
