#!/bin/sh
# The main job on the sample repository: load, check and render every environment, judge a change,
# then build one in the sandbox. Each command is shown before it runs, and a command that ends otherwise than it should
# ends the demo.
set -eu

cd "$(dirname "$0")/.."
PATH="$(pwd)/.venv/bin:$PATH"
export PATH

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT INT TERM

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

cat <<'END'
This folder is itself an environments repository: environments/ on three tracks, their profiles,
teams and blueprints. The program reads them, checks them against each other, and renders the
Terraform and the pipeline of each environment.
END

show reconciler validate
show reconciler list
show reconciler show acme-portal
show reconciler render
show reconciler render pitch-acme --out "$rendered"
printf '\nThe first lines of what it wrote:\n\n'
head -n 40 "$rendered/pitch-acme/terraform/main.tf"

printf '\nA mistake, in a copy of this folder: it asks to live too long, and a field is misspelt.\n'
broken="$rendered/repository"
mkdir "$broken"
cp -R environments policies profiles templates reconciler.yaml "$broken"
python -c 'import pygit2, sys; pygit2.init_repository(sys.argv[1])' "$broken"
document="$broken/environments/demo/pitch-acme.yaml"
sed -e 's/  ttl: 72h/  ttl: 30d/' environments/demo/pitch-acme.yaml > "$document"
printf '  regoin: eu-central-1\n' >> "$document"
printf '\n$ reconciler validate --repo %s\n' "$broken"
if reconciler validate --repo "$broken"; then
    printf 'the demo expected problems here\n' >&2
    exit 1
fi

cat <<'END'

A change, in another copy with the samples on its branch main. Sara, of the team that owns the demo,
opens its API to everybody and writes a password into the document.
END
change="$rendered/change"
mkdir "$change"
cp -R environments policies profiles templates reconciler.yaml "$change"
# commit <branch> <who> <e-mail> <message>: what lies there; a new branch begins at main. Without a
# git to be installed.
commit() {
    python - "$change" "$@" <<'END'
import sys
import pygit2

folder, branch, name, email, message = sys.argv[1:]
repository = pygit2.init_repository(folder, initial_head="main")
repository.index.add_all()
who, tree = pygit2.Signature(name, email), repository.index.write_tree()
known = repository.branches
parents = [known[one].target for one in (branch, "main") if one in known][:1]
repository.create_commit(f"refs/heads/{branch}", who, who, message, tree, parents)
END
}
# judged <exit code> <words that must stand in it> <options>: what `reconciler check` says there
judged() {
    wanted=$1
    words=$2
    shift 2
    # Judged as at a day on which the samples' waivers hold: they have ends.
    set -- "$@" --now 2026-12-01T09:00:00Z
    printf '\n$ reconciler check --base main %s\n' "$*"
    code=0
    reconciler check --repo "$change" --base main "$@" > "$rendered/said" || code=$?
    cat "$rendered/said"
    if [ "$code" != "$wanted" ] || ! grep -qF -e "$words" "$rendered/said"; then
        printf 'the demo expected exit code %s and "%s", and got %s\n' "$wanted" "$words" "$code" >&2
        exit 1
    fi
}
commit main 'Ada Berg' ada@example.com 'Start'
document="$change/environments/demo/trade-fair.yaml"
cat >> "$document" <<'END'
    authorization: NONE
    environment_variables: {DATABASE_PASSWORD: kingfisher-7}
END
commit change 'Sara Lind' sara@example.com 'Let everybody in'
judged 10 'DENY  trade-fair' --head change

printf '\nShe mends it: the password goes, and whoever calls the API has to be known.\n'
sed -e '/DATABASE_PASSWORD/d' -e 's/authorization: NONE/authorization: AWS_IAM/' \
    environments/demo/trade-fair.yaml > "$document"
printf '    throttle_rate: 50\n' >> "$document"
commit change 'Sara Lind' sara@example.com 'Only those we know'
judged 0 'ALLOW  trade-fair' --head change

printf '\nAnother change, by Ines: more of a service in production. Nothing is wrong, and still one more\n'
printf 'person has to agree.\n'
cp environments/demo/trade-fair.yaml "$document"
production="$change/environments/customer/acme-portal.yaml"
sed -e 's/desired_count: 4/desired_count: 6/' environments/customer/acme-portal.yaml > "$production"
commit portal 'Ines Duarte' ines@example.com 'More of it'
judged 11 'NEEDS APPROVAL  acme-portal' --head portal

# expected <exit code> <words that must stand in it> <command>: quiet about each resource
expected() {
    wanted=$1
    words=$2
    shift 2
    printf '\n$ %s\n' "$*"
    code=0
    "$@" > "$rendered/said" 2> "$rendered/told" < /dev/null || code=$?
    sed -e '/^  + /d' -e '/^  - .* is deleted$/d' -e '/^  output /d' "$rendered/said"
    if [ "$code" != "$wanted" ] || ! grep -qF -e "$words" "$rendered/said"; then
        cat "$rendered/told" >&2
        printf 'the demo expected exit code %s and "%s", and got %s\n' "$wanted" "$words" "$code" >&2
        exit 1
    fi
}
forge="$rendered/forge.git"
RECONCILER_STATE_DIR="$rendered/state" RECONCILER_REPO="$forge"
RECONCILER_ACTOR_NAME='Sara Lind' RECONCILER_ACTOR_EMAIL=sara@example.com
export RECONCILER_STATE_DIR RECONCILER_REPO RECONCILER_ACTOR_NAME RECONCILER_ACTOR_EMAIL

cat <<'END'

A merge request, without a server: it lives in a bare repository that everybody pushes to. It is looked at,
and merged when everything is allowed.
END
cp environments/customer/acme-portal.yaml "$production"
printf '    throttle_rate: 50\n' >> "$change/environments/demo/pitch-acme.yaml"
commit slower 'Sara Lind' sara@example.com 'Let nobody call it too often'
cp -R "$change/.git" "$forge"
python -c 'import pygit2, sys; pygit2.Repository(sys.argv[1]).config["core.bare"] = True' "$forge"
expected 0 '!1' reconciler mr open --source slower
expected 0 'ALLOW' reconciler mr check 1
expected 0 'MERGED !1' reconciler mr merge 1

cat <<'END'

Now it is built: in the sandbox, a simulated cloud on this machine, by the real Terraform, from what
was merged.
END
build() {
    RECONCILER_SANDBOX=1
    export RECONCILER_SANDBOX
    trap 'reconciler sandbox stop >/dev/null 2>&1; rm -rf "$rendered"' EXIT
    trap 'exit 130' INT TERM
    expected 0 'runs at http://127.0.0.1:' reconciler sandbox start
    expected 0 'ALLOW  pitch-acme' reconciler plan pitch-acme
    expected 0 'APPLIED: pitch-acme' reconciler apply pitch-acme --yes

    printf '\nSomebody changes a function by hand, in the console of the cloud.\n'
    reconciler sandbox status --format json | python -c '
import json, sys
import boto3

client = boto3.client(
    "lambda", endpoint_url=json.load(sys.stdin)["endpoint"], region_name="eu-central-1",
    aws_access_key_id="any", aws_secret_access_key="any",
)

def in_account(params, **_):
    params["headers"]["x-moto-account-id"] = "111111111111"

client.meta.events.register("before-call", in_account)
client.update_function_configuration(FunctionName="pitch-acme", Timeout=99)'
    expected 12 'timeout: want 10, have 99' reconciler drift pitch-acme --record
    expected 0 'APPLIED: pitch-acme: 1 done' reconciler apply pitch-acme --yes
    expected 0 'IN SYNC: pitch-acme' reconciler drift pitch-acme --record
    expected 0 'DESTROYED: pitch-acme' reconciler destroy pitch-acme --yes

    printf '\nEverything that happened is a commit, which an auditor can verify and derive again.\n'
    expected 0 'drift(pitch-acme): 1 changed by hand' reconciler audit log pitch-acme
    expected 0 'WHOLE' reconciler audit verify
    expected 0 'decisions are the same' reconciler audit replay --all
    expected 0 'is stopped' reconciler sandbox stop
}
if command -v terraform >/dev/null 2>&1 || command -v tofu >/dev/null 2>&1; then
    build
else
    printf '\nThere is no terraform (1.9 or newer) or tofu (1.8 or newer) on PATH: this part is left out.\n'
fi

cat <<'END'

What to try next:
  . .venv/bin/activate
  reconciler render acme-portal | less
  reconciler check --all
  reconciler sandbox start && reconciler plan trade-fair --sandbox
  reconciler init /tmp/my-environments && cd /tmp/my-environments
  reconciler new --track demo --name hello --owner team-sales --set image=hello:1
END
