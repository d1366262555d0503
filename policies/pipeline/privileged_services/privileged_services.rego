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

# Options that give a container the machine.
owning := concat("", [
	`\b(docker|podman|nerdctl)[ \t]+(.*[ \t])?(run|create)[ \t](.*[ \t])?["']?(`,
	`--privileged(=["']?([Tt]rue|TRUE|t|1)["']?)?(["']|[ \t]|$)|`,
	`(-v[ \t]*|--volume[= \t][ \t]*)["']?(/var)?/run/docker\.sock|`,
	`--mount[= \t][ \t]*["']?([^ \t"',]+,)*(src|source)=(/var)?/run/docker\.sock|`,
	`--cap-add[= \t][ \t]*["']?([Aa][Ll][Ll])(["']|[ \t]|$)|`,
	`--pid[= \t][ \t]*["']?host(["']|[ \t]|$))`,
])

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	some command in ci.commands(line.text)[_]
	regex.match(owning, command)
	message := sprintf("starts a container that owns the machine: %s", [ci.quoted(line.text)])
}
