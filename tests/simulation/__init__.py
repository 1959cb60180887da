"""The production engine under virtual time: histories drawn from seeds, and what must hold in each.

`pairs` lets two callers collide and compares with what one after the other would give; `history`
mixes everything. One seed again, with its trace::

    cd tests && PYTHONPATH=.. python -m simulation pairs 17
"""
