"""What people want: checked as the command line checks it, written to Kafka, and remembered by its request.

wanted.py       what a person wants
permissions.py  who may want it
unread.py       facts on the broker that no worker has committed
known.py        what is known of a key, those facts included
checking.py     what is wanted and what is known -> the fact to write, with what it will change, or a refusal
writing.py      the fact on Kafka, acknowledged
requests.py     the same request again is answered, not repeated
service.py      all of it together: decide, forecast, decide many; each in the audit log
proposals.py    what money in suspense may be of
letters.py      dead letters, and what is sent when they are fed again
dead_letters.py the latest of them, how many, and feeding them again
"""
