"""What people want: checked as the command line checks it, written to Kafka, and remembered by its request.

wanted.py       what a person wants
known.py        what is known of a key, facts that no worker has read yet included
checking.py     what is wanted and what is known -> the fact to write, with what it will change, or a refusal
service.py      decide, forecast, decide many: permissions, locks, the broker's acknowledgement, the audit log
requests.py     the same request again is answered, not repeated
dead_letters.py dead letters: the latest of them, and feeding them again
"""
