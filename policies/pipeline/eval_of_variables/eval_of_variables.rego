# METADATA
# title: No script evaluates a variable as code
# description: >-
#   A branch, a title or a message is written by whoever opens a merge request. `eval` and
#   `sh -c` make a program of it.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/variables/
# custom:
#   id: PIPE002
#   severity: high
#   category: pipeline
#   fix: >-
#     Use the variable in quotes as data; where code must be chosen, use `case`.
package reconciler.rules.pipeline.eval_of_variables

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

evaluated := `(^|[;&|(\s])eval\s+.*\$\{?[A-Za-z_]|\b(ba|z|da)?sh\s+-[a-z]*c\s+["']?\$\{?[A-Za-z_]|\b(ba|z|da)?sh\s+-[a-z]*c\s+"[^"]*\$\{?(CI_COMMIT_(MESSAGE|TITLE|DESCRIPTION|REF_NAME|BRANCH|TAG|AUTHOR)|CI_MERGE_REQUEST_(TITLE|DESCRIPTION|SOURCE_BRANCH_NAME|LABELS))`

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	regex.match(evaluated, line.text)
	message := sprintf("evaluates a variable: %s", [trim_space(substring(line.text, 0, 160))])
}
