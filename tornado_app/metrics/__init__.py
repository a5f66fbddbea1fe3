"""What is counted of all calls, under names that are documented, and how a scraper is told of it.
Not how anything is found out: sessions and parts say what happened, and `readings.py` looks at the
rest when it is asked.
"""
