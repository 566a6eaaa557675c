"""Uplets: the training of other people's algorithms on data that stay, and predictions by the models.

A problem has test data and a size of batches; algorithms and data are given for it, in any order. Each
algorithm is trained on all data of the problem but those it is tested on, batch by batch: a learnuplet each.
A prediction is a preduplet. Workers outside the node take uplets and post what became of them.

- `uplets`: the service: register, take, post a result, look, listen.
- `batches`: how data become a chain of learnuplets: pure.
- `registrations`, `learnuplets`, `preduplets`, `task_rows`: what the service writes.
- `following`: what becomes of an uplet whose task is changed by ClearML's clients.
- `collections`: lists by the values of fields; `documents`: what is told.
"""
