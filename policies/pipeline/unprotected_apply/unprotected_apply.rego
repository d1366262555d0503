# METADATA
# title: A job that changes the cloud runs on a protected branch only
# description: >-
#   Whoever can push a branch can run its pipeline. A job that applies on any branch lets
#   them change the cloud without an approval.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/pipeline_security/
# custom:
#   id: PIPE007
#   severity: critical
#   category: pipeline
#   fix: >-
#     Give the job `rules` that each ask for `$CI_COMMIT_REF_PROTECTED == "true"` or for the
#     default branch; better, let the controller apply.
#   unknown: >-
#     A job without `rules` of its own that inherits them by `extends` is read with them
#     only where the reader has merged them.
package reconciler.rules.pipeline.unprotected_apply

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

changing := `(^|[;&|(\s])(terraform|tofu|terragrunt|pulumi)\s+([^;&|]*\s)?(apply|destroy|up)\b|(^|[;&|(\s])aws\s+cloudformation\s+(deploy|create-stack|update-stack|delete-stack)\b|(^|[;&|(\s])reconciler\s+apply\b`

jobs contains name if {
	some line in ci.lines
	line.job != "(pipeline)"
	line.job != "default"
	regex.match(changing, line.text)
	name := line.job
}

guarded(condition) if regex.match(`\$CI_COMMIT_REF_PROTECTED\s*==\s*["']true["']`, condition)

guarded(condition) if regex.match(`\$CI_COMMIT_(BRANCH|REF_NAME)\s*==\s*\$CI_DEFAULT_BRANCH`, condition)

# One alternative that is not guarded is enough to run.
safe_condition(condition) if {
	is_string(condition)
	every part in split(condition, "||") { guarded(part) }
}

protected(job) if {
	rules := lib.each(job.rules)
	count(rules) > 0
	every rule in rules { safe(rule) }
}

safe(rule) if rule.when == "never"

safe(rule) if safe_condition(rule["if"])

violations contains lib.violation({"message": "changes the cloud, and runs on branches that are not protected", "at": ci.at(name)}) if {
	some name in jobs
	not protected(ci.parts[name])
}
