"""Uplets: the training of other people's algorithms on data that stay, and predictions by the models.

A problem has test data and a size of batches; algorithms and data are given for it, in any order. Each
algorithm is trained on all data of the problem but those it is tested on, batch by batch: a learnuplet each.
A prediction is a preduplet. Workers outside the node take uplets and post what became of them.
"""

from node.uplets.kinds import Ready, UpletKind, UpletStatus
from node.uplets.results import Learned
from node.uplets.uplets import Uplets

__all__ = ["Learned", "Ready", "UpletKind", "UpletStatus", "Uplets"]
