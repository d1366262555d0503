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

piped := `(curl|wget|fetch|aria2c)\b[^|;&]*\|\s*(sudo\s+(-\S+\s+)*)?(env\s+(\S+=\S*\s+)*)?(/usr)?(/bin/)?(ba|z|da|k|a)?sh\b|(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(python[0-9.]*|perl|ruby|node|php)\b`

substituted := `(\b(ba|z|da)?sh\s+(-c\s+)?["']?(<\(|\$\(|\x60)|\beval\s+["']?(\$\(|\x60)|(^|\s)(source|\.)\s+<\()\s*(curl|wget)\b`

violations contains lib.violation({"message": message, "at": ci.at(line.job)}) if {
	some line in ci.lines
	regex.match(sprintf("%s|%s", [piped, substituted]), line.text)
	message := sprintf("runs what it downloads: %s", [trim_space(substring(line.text, 0, 160))])
}
