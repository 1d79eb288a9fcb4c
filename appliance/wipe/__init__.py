"""`osteon wipe`: patient data die with the box's service, and a certificate says how and how far.

The plan is a value that is shown first. From the durable intent on there is no way back: every
boot goes on from the last phase that was recorded, keys first. Nothing here claims more than was
checked.
"""
