# METADATA
# title: Images are pinned by digest where it matters
# description: >-
#   A tag can be moved; the job then runs another program with the same credentials. The
#   profile's `rules.pinnedImageStages` says at which stages a digest is asked for.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/docker/using_docker_images/
# custom:
#   id: PIPE006
#   severity: medium
#   category: pipeline
#   fix: >-
#     Name the image as `name@sha256:<digest>`, and let a bot propose new ones.
#   unknown: >-
#     An image that is a variable is a violation: what will run must be certain.
package reconciler.rules.pipeline.pinned_images

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

violations contains lib.violation({"message": message, "at": ci.at(one.job)}) if {
	lib.stage_in("pinnedImageStages", ["dev", "staging", "production"])
	some one in ci.images
	not regex.match(`@sha256:[0-9a-f]{64}$`, one.image)
	message := sprintf("the image `%s` has no digest", [one.image])
}
