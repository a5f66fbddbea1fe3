"""What an operator sees and hears of a call: how loud it is, and what is said in it.

A call at which nobody looks has nothing of this.  Who may look and listen is no business of this
room, and nothing of it is kept.
"""
