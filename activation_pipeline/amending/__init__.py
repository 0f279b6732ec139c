"""What an undo and an expiry share: changing again what stands in a destination from us.

Both compare what we hold with the live record, write only where our value still stands, freeze
what they write as a plan of its own, and look once more before they go on after an interruption.
Which values go, and why, is theirs.
"""
