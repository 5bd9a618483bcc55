"""A ledger's table of postings, as statements that change it and what is posted after each."""

import random
from decimal import Decimal


class Books:
    """Changes rows at random, and knows them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.amounts: dict[int, Decimal] = {}
        self._void: set[int] = set()
        self._next = 1

    def changes(self, count: int) -> list[str]:
        """Statements, each of which changes one row."""
        return [self._change() for _ in range(count)]

    def _change(self) -> str:
        kind = self._random.choice(["insert", "insert", "amount", "amount", "void", "delete"])
        if kind == "insert" or not self.amounts:
            return self.insert()
        number = self._random.choice(sorted(self.amounts))
        if kind == "amount":
            self.amounts[number] = self._amount()
            return f"update posting set amount = {self.amounts[number]} where id = {number};"
        if kind == "void":
            self._void ^= {number}
            status = "void" if number in self._void else "posted"
            return f"update posting set status = '{status}' where id = {number};"
        del self.amounts[number]
        self._void.discard(number)
        return f"delete from posting where id = {number};"

    def insert(self) -> str:
        """A statement that inserts a row."""
        number, amount = self._next, self._amount()
        self._next += 1
        self.amounts[number] = amount
        at = f"2026-07-{number % 28 + 1:02} 10:00:00"
        return f"insert into posting values ({number}, 'P{number}', 'O{number % 7}', {amount}, 'posted', '{at}');"

    def truncate(self) -> str:
        """A statement that deletes all rows."""
        self.amounts.clear()
        self._void.clear()
        return "truncate table posting"

    def _amount(self) -> Decimal:
        return Decimal(self._random.randrange(1, 200_000)).scaleb(-2)

    def posted(self) -> dict[str, int]:
        """What is posted of each payment, in minor units."""
        return {f"P{n}": int(amount * 100) for n, amount in self.amounts.items() if n not in self._void}
