# METADATA
# title: Nothing is included from elsewhere without a pin
# description: >-
#   An included file becomes part of the pipeline, with its credentials. One by URL, or from
#   a branch, changes without a commit here.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/yaml/includes/
# custom:
#   id: PIPE003
#   severity: high
#   category: pipeline
#   fix: >-
#     Include a file of this repository, or a project's file at a full commit id (`ref`), or
#     a component at one.
package reconciler.rules.pipeline.remote_includes

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

commit := `^[0-9a-f]{40}([0-9a-f]{24})?$`

includes contains one if {
	some one in entries(lib.get(lib.fields(input.pipeline.raw), "include", []))
}

# A child pipeline is made of what its trigger includes.
includes contains one if {
	some _, part in ci.parts
	some one in entries(lib.get(lib.fields(lib.get(part, "trigger", {})), "include", []))
}

entries(value) := value if is_array(value)

entries(value) := [value] if is_object(value)

entries(value) := [value] if is_string(value)

violations contains lib.violation({"message": message, "at": ci.place}) if {
	some one in includes
	url := remote(one)
	message := sprintf("includes `%s`", [url])
}

remote(one) := one if {
	is_string(one)
	regex.match(`^https?:`, one)
}

remote(one) := one.remote if {
	is_object(one)
	is_string(one.remote)
	not pinned_remote(one)
}

pinned(one) if regex.match(commit, lib.text(one.ref))

# GitLab checks the digest that `integrity` gives.
pinned_remote(one) if regex.match(`^sha256-[A-Za-z0-9+/]{43}=$`, lib.text(one.integrity))

violations contains lib.violation({"message": message, "at": ci.place}) if {
	some one in includes
	is_string(one.project)
	not pinned(one)
	message := sprintf("includes a file of `%s` at `%v`, which is no commit id", [one.project, lib.get(one, "ref", "its default branch")])
}

violations contains lib.violation({"message": message, "at": ci.place}) if {
	some one in includes
	is_string(one.component)
	not regex.match(`@[0-9a-f]{40}$`, one.component)
	message := sprintf("includes the component `%s`, not at a commit id", [one.component])
}
