"""The live console: what an app spends while it runs, and what everybody spends now.

shown     what is put on a terminal, as values
words     figures as people read them
follow    what a running app tells, as it comes
story     from that: a line for each stage, and the table at the end
standing  how the budgets stand that its calls are charged to
watched   a program that runs while it is watched
now       what the ledger and the budgets say of this moment
"""
