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

# Variables that whoever pushes a branch or opens a merge request writes.
written := concat("", [
	`\$\{?[#!]?(CI_COMMIT_(MESSAGE|TITLE|DESCRIPTION|REF_NAME|BRANCH|TAG|TAG_MESSAGE|AUTHOR)|CI_BUILD_REF_NAME|`,
	`CI_MERGE_REQUEST_(TITLE|DESCRIPTION|SOURCE_BRANCH_NAME|TARGET_BRANCH_NAME|LABELS)|`,
	`CI_EXTERNAL_PULL_REQUEST_(SOURCE|TARGET)_BRANCH_NAME)\b`,
])

# A program and its options, where no other word goes on before it.
program := concat("", [ci.start, `(`, ci.shell, ci.shell_options, `|`, ci.interpreter, ci.interpreter_options, `)`])

in_text := concat("", [`("[^"]*|'[^']*|[^ \t"'|;&]*)`, written])

bad(line) if regex.match(`(^|[;&|( \t])eval[ \t]+.*\$\{?[A-Za-z_]|\b(ba|z|da|k)?sh[ \t]+-[a-z]*c[ \t]+["']?\$\{?[A-Za-z_]`, line)

# Put into a program's text.
bad(line) if regex.match(concat("", [program, `[ \t]+-[a-z]*[cer][ \t]+("[^"]*|[^ \t"'|;&]*)`, written]), line)

# As the input of a shell.
bad(line) if regex.match(concat("", [program, `([ \t]+-s?|[ \t]+/dev/stdin)?[ \t]*<<<[ \t]*`, in_text]), line)

bad(line) if regex.match(concat("", [ci.start, `(source|\.)[ \t]+/dev/stdin[ \t]*<<<[ \t]*`, in_text]), line)

bad(line) if {
	regex.match(concat("", [program, `([ \t]+-s?)?[ \t]+(<[ \t]*)?["']?<\([^)]*`, written]), line)
}

bad(line) if regex.match(concat("", [ci.start, `(source|\.)[ \t]+["']?<\([^)]*`, written]), line)

# Through pipes, and through `xargs`.
bad(line) if {
	some pipe in ci.pipes(line)
	some first, one in pipe
	regex.match(`\b(echo|printf|print|cat|base64|tr|sed)\b|<<<`, one)
	regex.match(written, one)
	some later, other in pipe
	later > first
	runs(other)
}

runs(command) if ci.reads_program(command)

runs(command) if {
	regex.match(concat("", [`\bxargs[ \t](.*[ \t])?`, ci.directory, ci.shell, `[ \t]+-[a-z]*c\b`]), command)
}

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	contains(line.text, "$")
	bad(line.text)
	message := sprintf("evaluates a variable: %s", [ci.quoted(line.text)])
}
