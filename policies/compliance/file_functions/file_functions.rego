# METADATA
# title: No function reads files but those of the allow-list
# description: >-
#   `file("/proc/self/environ")` puts whatever the machine that plans can read into the
#   plan, before anybody has approved anything: its credentials, too.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/functions/file
# custom:
#   id: COMP008
#   severity: critical
#   category: compliance
#   fix: >-
#     Give the value as a parameter, or let the blueprint bring the file, name it as
#     `${path.module}/...` and use a function of the profile's `rules.fileFunctions`.
#   unknown: >-
#     A path that is not written out, or that the blueprint does not bring, is a violation:
#     what is read must be certain.
package reconciler.rules.compliance.file_functions

import data.reconciler.lib

reading := {"abspath", "pathexpand", "templatefile", "templatestring"}

reads(name) if startswith(name, "file")

reads(name) if name in reading

allowed(function) if {
	function.name in lib.param("fileFunctions", [])
	function.own
}

violations contains lib.violation({"message": message, "at": function}) if {
	some function in input.terraform.functions
	reads(function.name)
	not allowed(function)
	message := sprintf("`%s` reads files", [function.name])
}
