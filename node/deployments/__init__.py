"""Deployments: a node's models, ONNX files and scripts, for others to have files scored by, with a key."""

from node.deployments.deployed_files import add_file, uploaded_path
from node.deployments.deployed_models import DeployedModels
from node.deployments.deployment import Deployment, Version
from node.deployments.jobs import ScoringJob, ScoringJobs, Wanted, input_path, output_of, unknown_job
from node.deployments.keys import DeploymentKey, DeploymentKeys
from node.deployments.links import LINK_SECONDS, ResultLinks
from node.deployments.service import Deployments
from node.deployments.tasks import ScoringTasks
from node.deployments.usage import Usage, Used, dollars

__all__ = [
    "LINK_SECONDS",
    "DeployedModels",
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
    "add_file",
    "dollars",
    "input_path",
    "output_of",
    "unknown_job",
    "uploaded_path",
]
