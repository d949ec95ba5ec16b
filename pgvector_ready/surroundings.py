"""Where this process runs: on a platform, in a CI job, in a private network, under which account."""

import os
import pwd
from collections.abc import Mapping

from pgvector_ready.judgement.target import Network

_RAILWAY_VARIABLES = ("RAILWAY_ENVIRONMENT_ID", "RAILWAY_ENVIRONMENT", "RAILWAY_PROJECT_ID")
# Any of them set means that a platform runs this, and that nobody looks at a database on its own disk.
PLATFORM_VARIABLES = (
    "RENDER",
    *_RAILWAY_VARIABLES,
    "KUBERNETES_SERVICE_HOST",
    "FLY_APP_NAME",
    "DYNO",
    "K_SERVICE",
    "ECS_CONTAINER_METADATA_URI_V4",
    "WEBSITE_INSTANCE_ID",
)
# Azure Pipelines, Jenkins, TeamCity and CodeBuild do not set CI.
CI_VARIABLES = (
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ID",
)


def is_on_platform(environment: Mapping[str, str]) -> bool:
    """Return True if a hosting platform runs this process."""
    return any(environment.get(name) for name in PLATFORM_VARIABLES)


def is_in_ci(environment: Mapping[str, str]) -> bool:
    """Return True if a CI job runs this process: nobody looks at its database, and an empty secret is usual there."""
    return any(environment.get(name, "").lower() not in {"", "0", "false"} for name in CI_VARIABLES)


def own_network(environment: Mapping[str, str]) -> Network | None:
    """Return the private network that this process runs in; None on a developer's machine."""
    if environment.get("RENDER"):
        return Network.RENDER
    return Network.RAILWAY if any(environment.get(name) for name in _RAILWAY_VARIABLES) else None


def account() -> dict[str, str]:
    """Return the user by the account's name, as libpq does, whatever USER says; nothing where the account has none."""
    try:
        return {"USER": pwd.getpwuid(os.geteuid()).pw_name}
    except KeyError:  # a container may run under a number that nobody has
        return {}
