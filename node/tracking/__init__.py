"""Experiment tracking: ClearML's tasks, models, projects, queues and reports, as any dialect may use them.

A document is a dict with ClearML's field names, its times unix seconds, its `user` a login (the `owner` of
the row). It is stored as a row whose columns hold what is often searched, and whose column `document` has
the rest; the values of its lists of labels (tags) are also rows of the table `labels`.

- `collection`: what a kind of document is: TASKS, MODELS, PROJECTS, QUEUES.
- `documents`: functions of a connection: get, insert, update, delete, find (by a query), count.
- `query`: `read_query(collection, request)` turns the body of a get_all into a Query, or refuses it.
- `task_states`: which step a task may take in which status, and where it leads: pure.
- `tasks`, `task_edits`: the service over tasks; `queues`: the queues in which they wait.
- `errors`: what is refused, one class for each code that a dialect gives it.

The functions over a connection run inside `Store.write` or `Store.read`, so that several of them make one
transaction; the services are asyncio and do that by themselves. A task of the node's own job manager (any
kind but "external") is a document like the others, but its status changes only through `node.jobs`.
"""
