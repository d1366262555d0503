# METADATA
# title: No job runs a Docker daemon beside it
# description: >-
#   Docker in Docker needs a privileged runner. A job on such a runner owns the machine, and
#   every other job on it.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/docker/using_docker_build/
# custom:
#   id: PIPE004
#   severity: high
#   category: pipeline
#   fix: >-
#     Build images with BuildKit rootless, Kaniko or Buildah.
package reconciler.rules.pipeline.privileged_services

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

daemon := `(^|/)docker(:|@)([^/]*-)?dind([-.@]|$)|(^|/)docker:[^/]*dind|(^|/)dind(:|@|$)`

violations contains lib.violation({"message": message, "at": ci.at(one.job)}) if {
	some one in ci.images
	regex.match(daemon, one.image)
	message := sprintf("runs `%s`", [one.image])
}

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	regex.match(`\b(docker|podman|nerdctl)\s+run\b.*\s(--privileged\b|-v\s*/var/run/docker\.sock)`, line.text)
	message := sprintf("starts a container that owns the machine: %s", [trim_space(substring(line.text, 0, 160))])
}
