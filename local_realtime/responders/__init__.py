"""Who stands behind the seam of a session: speech, echo, and the choice between them.

They put ears, brain and mouth together; nothing of one of those belongs here.
"""
