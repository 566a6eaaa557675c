"""Deployments: a node's models, ONNX files and scripts, for others to have files scored by, with a key."""

from node.deployments.deployment import Deployment, Version
from node.deployments.jobs import ScoringJob, ScoringJobs, Wanted, input_path, output_of
from node.deployments.keys import DeploymentKey, DeploymentKeys
from node.deployments.links import LINK_SECONDS, ResultLinks
from node.deployments.service import Deployments
from node.deployments.tasks import ScoringTasks
from node.deployments.usage import Usage, Used

__all__ = [
    "LINK_SECONDS",
    "Deployment",
    "DeploymentKey",
    "DeploymentKeys",
    "Deployments",
    "ResultLinks",
    "ScoringJob",
    "ScoringJobs",
    "ScoringTasks",
    "Usage",
    "Used",
    "Version",
    "Wanted",
    "input_path",
    "output_of",
]
