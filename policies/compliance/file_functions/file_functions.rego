# METADATA
# title: No function reads files but those of the allow-list
# description: >-
#   `file("/proc/self/environ")` puts whatever the machine that plans can read into the
#   plan.
# related_resources:
#   - ref: https://developer.hashicorp.com/terraform/language/functions/file
# custom:
#   id: COMP008
#   severity: high
#   category: compliance
#   fix: >-
#     Give the value as a parameter, or let the blueprint carry the file and use a function
#     of the profile's `rules.fileFunctions`.
package reconciler.rules.compliance.file_functions

import data.reconciler.lib

reading := {
	"file", "filebase64", "fileexists", "fileset", "filemd5", "filesha1", "filesha256", "filesha512",
	"filebase64sha256", "filebase64sha512", "templatefile", "pathexpand", "abspath",
}

violations contains lib.violation({"message": message, "at": function}) if {
	some function in input.terraform.functions
	function.name in reading
	not function.name in lib.param("fileFunctions", [])
	message := sprintf("`%s` reads files", [function.name])
}
