# METADATA
# title: No argument reads files but those of the blueprint
# description: >-
#   `source = "/proc/self/environ"` of an object in S3 uploads whatever the machine that
#   applies can read: its credentials, too. A function's code and a provider's token file
#   are read in the same way, with no function that COMP008 could see.
# related_resources:
#   - ref: https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html
# custom:
#   id: COMP009
#   severity: critical
#   category: compliance
#   fix: >-
#     Let the blueprint bring the file and write its path out as `${path.module}/...`, or
#     give what is in it: `content` of an object, `s3_bucket` and `s3_key` of code. A
#     provider gets its credentials from the program.
#   unknown: >-
#     A path that is not written out as `${path.module}/...`, has `..` or a name that begins
#     with a dot is a violation: what is read must be certain.
package reconciler.rules.compliance.file_arguments

import data.reconciler.lib

# Whatever makes such a thing: these names say nothing but a file.
anywhere := {"filename", "source_dir", "source_file", "zip_file"}

# These names are texts elsewhere.
of_type := {
	"aws_s3_bucket_object": {"source"},
	"aws_s3_object": {"source"},
}

of_provider := {
	"custom_ca_bundle", "shared_config_file", "shared_config_files", "shared_credentials_file",
	"shared_credentials_files",
}

of_web_identity := {"web_identity_token_file"}

inside := `^"\$\{path\.module\}(/[A-Za-z0-9_+@=,-][A-Za-z0-9_.+@=,-]*)+"$`

own(value) if regex.match(inside, lib.expression(value))

outside(values, name) if {
	lib.given(values, name)
	not own(lib.get(values, name, null))
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in input.terraform.resources
	some name in anywhere | object.get(of_type, resource.type, set())
	outside(resource.values, name)
	message := sprintf("`%s` reads a file of the machine that applies", [name])
}

violations contains lib.violation({"message": message, "at": provider}) if {
	some provider in input.terraform.providers
	some name in of_provider
	outside(provider.values, name)
	message := sprintf("`%s` reads a file of the machine that plans", [name])
}

violations contains lib.violation({"message": message, "at": provider}) if {
	some provider in input.terraform.providers
	some block in lib.blocks(provider.values, "assume_role_with_web_identity")
	some name in of_web_identity
	outside(block, name)
	message := sprintf("`%s` reads a file of the machine that plans", [name])
}
