# METADATA
# title: No secret stands in a pipeline's variables
# description: >-
#   The pipeline's file is read by everybody who can read the repository, for as long as its
#   history lasts.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/variables/#cicd-variable-security
# custom:
#   id: PIPE005
#   severity: critical
#   category: pipeline
#   fix: >-
#     Make it a masked, protected variable of the project, or better: take short-lived
#     credentials by `id_tokens`.
#   unknown: >-
#     A value that begins with `$` names another variable, and is no secret.
package reconciler.rules.pipeline.plain_variables

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

secret_name := `(?i)(^|_)(password|passwd|secret|token|api_?key|private_?key|access_?key|credentials)(_|$)`

reference := `(?i)(_file|_path|_url|_name|_id|_arn|_type|_address|_ttl)$`

known_token := `(AKIA|ASIA)[0-9A-Z]{16}|glpat-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10}|-----BEGIN [A-Z ]*PRIVATE KEY-----`

variables contains {"job": name, "name": variable, "value": value} if {
	some name, part in ci.parts
	some variable, given in lib.fields(lib.get(part, "variables", {}))
	value := text_of(given)
}

text_of(given) := given if is_string(given)

text_of(given) := given.value if is_string(given.value)

bad(one) if {
	regex.match(secret_name, one.name)
	not regex.match(reference, one.name)
	not one.value in {"", "true", "false"}
	not startswith(one.value, "$")
}

bad(one) if regex.match(known_token, one.value)

violations contains lib.violation({"message": message, "at": ci.at(one.job)}) if {
	some one in variables
	bad(one)
	message := sprintf("the variable `%s` holds a plain value", [one.name])
}
