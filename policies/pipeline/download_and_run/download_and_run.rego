# METADATA
# title: No script runs what it has just downloaded
# description: >-
#   `curl ... | sh` runs whatever the server sends today, with the job's credentials.
# related_resources:
#   - ref: https://docs.gitlab.com/ci/pipeline_security/
# custom:
#   id: PIPE001
#   severity: high
#   category: pipeline
#   fix: >-
#     Put the tool into the job's image; or download it, check its sha256, then run it.
package reconciler.rules.pipeline.download_and_run

import data.reconciler.lib
import data.reconciler.lib.pipeline as ci

downloader := `\b(curl|wget|fetch|aria2c)\b`

# Through pipes, into a program that runs its input.
bad(line) if {
	some pipe in ci.pipes(line)
	some first, one in pipe
	regex.match(downloader, one)
	some later, other in pipe
	later > first
	runs(other)
}

# As an argument that is the program: `bash <(curl ...)`, `python3 -c "$(curl ...)"`.
bad(line) if regex.match(substituted, line)

# Saved by one command and run by a later one of the same line, with no check between them.
bad(line) if {
	not regex.match(checked, line)
	some commands in ci.commands(line)
	some first, one in commands
	regex.match(`\b(curl|wget)\b`, one)
	some file in saved(one)
	some later, other in commands
	later > first
	file in ran(other)
}

runs(command) if ci.reads_program(command)

runs(command) if {
	regex.match(concat("", [`^`, ci.directory, ci.shell, ci.shell_options, `[ \t]+-[A-Za-z]*c\b`]), ci.bare(command))
}

runs(command) if {
	regex.match(concat("", [`^`, ci.directory, ci.interpreter, `[ \t].*\b(exec|eval|system)\b`]), ci.bare(command))
}

substituted := concat("", [
	ci.start, `(`, ci.shell, `|`, ci.interpreter, `|eval|source|\.)`,
	`([ \t]+(-[A-Za-z-]*|/dev/stdin))*[ \t]*(<<<|<[ \t])?[ \t]*["']?(<\(|\$\(|\x60)[ \t]*(sudo[ \t]+)?([A-Za-z0-9_./-]*/)?(curl|wget)\b`,
])

target := `([ \t]-[A-Za-z]*[oO][ \t]*|[ \t]--output(-document)?[= \t][ \t]*|>>?[ \t]*|\btee[ \t]+(-a[ \t]+)?)["']?([^ \t"';|&()<>]+)`

last_of_url := `https?://[^ \t"'?#]*/([^ \t"'?#/;|&()<>]+)`

run := concat("", [
	`^(`, ci.directory, `(`, ci.shell, `|`, ci.interpreter, `)([ \t]+-[A-Za-z-]*)*[ \t]+|(source|\.)[ \t]+)["']?([^ \t"';|&()<>]+)`,
])

run_alone := `^["']?(\.{0,2}/[^ \t"';|&()<>]+)`

checked := `\b(sha[0-9]*sum|shasum|b2sum|gpgv?|cosign|minisign|openssl)\b`

# Where a download is put. Without a name, it is the last part of its address.
saved(command) := {file |
	some found in regex.find_all_string_submatch_n(target, command, -1)
	file := trim_prefix(found[4], "./")
} | {found[1] |
	regex.match(`\bwget\b|[ \t](-[A-Za-z]*O|--remote-name)([ \t]|$)`, command)
	some found in regex.find_all_string_submatch_n(last_of_url, command, -1)
}

ran(command) := {file |
	some pattern in [run, run_alone]
	some found in regex.find_all_string_submatch_n(pattern, ci.bare(command), -1)
	file := trim_prefix(found[count(found) - 1], "./")
}

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	regex.match(downloader, line.text)
	bad(line.text)
	message := sprintf("runs what it downloads: %s", [ci.quoted(line.text)])
}
