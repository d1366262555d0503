"""Made-up secrets of the right form, put together when a test runs: none stands in a file.

`<A36>` stands for 36 random letters and digits: A letters and digits, a small letters and digits,
L letters, D digits, H small hex, U capitals and digits, B base32, W letters, digits, `_` and `-`,
S base64, N newline; `<uuid>` for a UUID. `~` is left out: it keeps the forms from looking real.
"""

import random
import re
import string
from typing import Final

_SETS: Final = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "L": string.ascii_letters,
    "D": string.digits,
    "H": "0123456789abcdef",
    "U": string.ascii_uppercase + string.digits,
    "B": string.ascii_uppercase + "234567",
    "W": string.ascii_letters + string.digits + "_-",
    "S": string.ascii_letters + string.digits + "+/",
    "G": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "X": "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz",
}


def filled(form: str, seed: int = 1) -> str:
    """A form with random characters in its places."""
    chance = random.Random(f"{form} {seed}")  # noqa: S311  # made-up secrets, the same each time

    def fill(match: re.Match[str]) -> str:
        if match[0] == "<uuid>":
            digits = "".join(chance.choices(_SETS["H"], k=32))
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        text = "".join(chance.choices(_SETS[match[1]], k=int(match[2])))
        # Not the middle of a longer word, wherever it stands.
        return text[:-1] + "k" if match[1] in "WA" else text

    return re.sub(r"<([A-Z]|a)(\d+)>|<uuid>", fill, form.replace("~", "").replace("8Q^", "8Q~"))


def wrapped(size: int, seed: int, end: str = "\n") -> str:
    """Base64 in lines of 64, as keys are written."""
    chance = random.Random(seed)  # noqa: S311  # "
    text = "".join(chance.choices(_SETS["S"], k=size))
    return end.join(text[at : at + 64] for at in range(0, size, 64))


def key(words: str, end: str = "\n", seed: int = 3) -> str:
    """A private key in PEM."""
    dashes = "-" * 5
    head, tail = f"{dashes}BEGIN {words}{dashes}", f"{dashes}END {words}{dashes}"
    return f"{head}{end}{wrapped(640, seed, end)}{end}{tail}{end}"


_PEM: Final = {
    "rsa": "RSA PRIVATE KEY",
    "ec": "EC PRIVATE KEY",
    "dsa": "DSA PRIVATE KEY",
    "openssh": "OPENSSH PRIVATE KEY",
    "pkcs8": "PRIVATE KEY",
    "pkcs8-encrypted": "ENCRYPTED PRIVATE KEY",
    "pgp": "PGP PRIVATE KEY BLOCK",
}
_FORMS: Final = """
aws-access-key            AK~IA<B16>
aws-secret-key            aws_secret_access_key = "<S40>"
aws-session-token         aws_session_token = <S300>=
aws-bedrock-key           AB~SK<S120>=
aws-mws-token             amzn.~mws.<uuid>
gcp-api-key               AI~za<W35>
gcp-oauth-client-secret   GOC~SPX-<W28>
gcp-oauth-access-token    ya~29.<W120>
gcp-oauth-refresh-token   1/~/0<W90>
azure-storage-key         Account~Key=<S86>==;EndpointSuffix=core.windows.net
azure-client-secret       client_secret = "<A3>8Q^<W34>"
azure-sas-signature       ?sv=2022&sig=<A43>%3D
azure-shared-access-key   Shared~AccessKey=<S43>=
azure-devops-token        <A76>AZ~DO<A4>
azure-function-key        <W44>Az~Fu<A5>Q==
azure-search-key          <A42>Az~SeB<A5>
digitalocean-token        dop_~v1_<H64>
digitalocean-oauth-token  doo_~v1_<H64>
digitalocean-refresh-token dor_~v1_<H64>
alibaba-access-key        LT~AI<A20>
tencent-secret-id         AK~ID<A32>
yandex-api-key            AQ~VN<W36>
hetzner-token             HCLOUD_TOKEN=<A64>
linode-token              linode_token: <H64>
scaleway-secret-key       SCW_SECRET_KEY=<uuid>
cloudflare-token          CLOUDFLARE_API_TOKEN="<W40>"
cloudflare-origin-ca-key  v1.~0-<H24>-<H146>
heroku-token              HR~KU-<A60>
heroku-api-key            HEROKU_API_KEY=<uuid>
flyio-token               FlyV1 fm~2_<S200>
netlify-token             nf~p_<A36>
vercel-token              VERCEL_TOKEN=<A24>
terraform-cloud-token     <A14>.atlas~v1.<A67>
vault-service-token       hv~s.<W95>
vault-batch-token         hv~b.<W140>
vault-recovery-token      hv~r.<W95>
pulumi-token              pu~l-<H40>
doppler-token             dp.~pt.<A43>
doppler-service-token     dp.~st.prd.<A43>
infracost-key             ic~o-<A32>
tailscale-key             tsk~ey-auth-<A17>-<A32>
onepassword-service-account op~s_eyJ<S400>
onepassword-secret-key    A~3-<U6>-<U11>-<U5>-<U5>-<U5>
age-secret-key            AGE-SECRET-~KEY-1<G58>
databricks-token          da~pi<H32>
planetscale-token         pscale_~tkn_<A43>
planetscale-password      pscale_~pw_<A43>
supabase-token            sb~p_<H40>
supabase-secret-key       sb_~secret_<W31>
mongodb-atlas-secret      mdb_~sa_sk_<W40>
dbt-token                 db~tc_<A40>
grafana-cloud-token       gl~c_<S120>
grafana-service-account-token gl~sa_<A32>_<H8>
newrelic-user-key         NR~AK-<U27>
newrelic-insert-key       NR~II-<W32>
newrelic-licence-key      NEW_RELIC_LICENSE_KEY=<H36>NRAL
datadog-api-key           DD_API_KEY=<H32>
sentry-org-token          sntr~ys_eyJ<S180>
sentry-user-token         sntr~yu_<H64>
dynatrace-token           dt0~c01.<B24>.<B64>
honeycomb-ingest-key      hca~ik_<a58>
pagerduty-token           pagerduty_token = "<A20>"
launchdarkly-sdk-key      LD_SDK_KEY=sdk-<uuid>
rootly-token              root~ly_<H64>
posthog-personal-key      ph~x_<A43>
github-token              gh~p_<A36>
github-oauth-token        gh~o_<A36>
github-user-token         gh~u_<A36>
github-server-token       gh~s_<A36>
github-refresh-token      gh~r_<A76>
github-fine-grained-token github_~pat_<A22>_<A59>
gitlab-token              gl~pat-<W20>
gitlab-deploy-token       gl~dt-<W20>
gitlab-feed-token         gl~ft-<W20>
gitlab-scim-token         glso~at-<W20>
gitlab-runner-token       gl~rt-<W20>
gitlab-runner-registration-token GR~1348941<W20>
gitlab-job-token          glc~bt-<A2>_<W20>
gitlab-trigger-token      gl~ptt-<H40>
gitlab-mail-token         gl~imt-<W25>
gitlab-agent-token        gla~gent-<W50>
gitlab-oauth-secret       gl~oas-<W64>
gitlab-flag-token         gl~ffct-<W20>
bitbucket-app-password    AT~BB<A32>
bitbucket-access-token    ATC~TT3xFf<A180>
atlassian-api-token       ATA~TT3xFf<A180>
gitea-token               GITEA_TOKEN=<H40>
sourcegraph-token         sg~p_<H16>_<H40>
circleci-token            CCI~PAT_<A22>_<H40>
buildkite-token           bk~ua_<H40>
jenkins-token             JENKINS_TOKEN=11<H32>
travis-token              TRAVIS_TOKEN=<W22>
drone-token               DRONE_TOKEN=<A32>
codecov-token             CODECOV_TOKEN=<uuid>
harness-token             pa~t.<W22>.<H24>.<A20>
octopus-key               AP~I-<U27>
prefect-key               pn~u_<A36>
npm-token                 np~m_<A36>
npmrc-auth-token          //registry.example.com/:_authToken=<uuid>
pypi-token                py~pi-AgEIcHlwaS5vcmc<W120>
rubygems-key              ruby~gems_<H48>
crates-token              ci~o<A32>
nuget-key                 oy~2<a43>
docker-hub-token          dckr_~pat_<W27>
clojars-token             CLO~JARS_<a60>
artifactory-key           AK~Cp<A69>
artifactory-reference-token cmVm~dGtu<A56>
packagist-token           packag~ist_out_<H68>
sonar-token               sq~u_<H40>
snyk-token                SNYK_TOKEN=<uuid>
postman-key               PM~AK-<H24>-<H34>
linear-key                lin_~api_<A40>
slack-bot-token           xo~xb-<D12>-<D12>-<A24>
slack-user-token          xo~xp-<D12>-<D12>-<D12>-<A32>
slack-config-token        xo~xe.xoxp-1-<A160>
slack-app-token           xa~pp-1-<U11>-<D13>-<H64>
slack-webhook             https://hooks.~slack.com/services/T<U10>/B<U10>/<A24>
discord-bot-token         DISCORD_TOKEN=M<A23>.<A6>.<A38>
discord-webhook           https://discord.com/api/~webhooks/<D18>/<W68>
telegram-bot-token        <D10>:A~A<W33>
teams-webhook             https://x.~webhook.office.com/webhookb2/<uuid>@<uuid>/IncomingWebhook/<H32>/<uuid>
google-chat-webhook       https://chat.~googleapis.com/v1/spaces/<A11>/messages?key=<A39>&token=<W43>
mattermost-token          MATTERMOST_TOKEN=<a26>
sendgrid-key              S~G.<W22>.<W43>
mailgun-key               mailgun: ke~y-<H32>
mailchimp-key             <H32>-u~s12
brevo-key                 xkey~sib-<H64>-<A16>
postmark-token            POSTMARK_TOKEN=<uuid>
resend-key                r~e_<A8>_<A24>
mailersend-token          ml~sn.<H64>
twilio-key                twilio: S~K<H32>
twilio-auth-token         TWILIO_AUTH_TOKEN=<H32>
klaviyo-key               p~k_<H34>
stripe-live-key           sk_~live_<A24>
stripe-test-key           sk_~test_<A24>
stripe-webhook-secret     wh~sec_<A32>
square-token              sq0~atp-<W22>
square-secret             sq0~csp-<W43>
braintree-token           access_~token$production$<a16>$<H32>
shopify-token             shp~at_<H32>
shopify-secret            shp~ss_<H32>
plaid-token               access-~production-<uuid>
flutterwave-key           FLW~SECK-<H32>-X
mollie-key                MOLLIE_KEY=live_<A30>
gocardless-token          GOCARDLESS_TOKEN=live_<W40>
razorpay-secret           RAZORPAY_SECRET=<A24>
easypost-key              EZ~AK<A54>
duffel-token              duffel_~live_<W43>
shippo-token              shippo_~live_<H40>
openai-key                s~k-proj-<W60>T3Blbk~FJ<W60>
anthropic-key             s~k-ant-api03-<W93>AA
huggingface-token         h~f_<L34>
replicate-token           r~8_<A37>
groq-key                  gs~k_<A52>
perplexity-key            pp~lx-<A48>
xai-key                   xa~i-<A80>
openrouter-key            s~k-or-v1-<H64>
langsmith-key             ls~v2_pt_<H32>_<H10>
nvidia-key                nv~api-<W64>
pinecone-key              pc~sk_<A5>_<A63>
notion-token              nt~n_<D11><A35>
airtable-token            pa~t<A14>.<H64>
figma-token               fi~gd_<W40>
dropbox-token             s~l.<W140>
hubspot-token             pa~t-na1-<uuid>
contentful-token          CFP~AT-<W43>
readme-key                rd~me_<a70>
typeform-token            tf~p_<A44>
mapbox-token              s~k.eyJ<A80>.<W22>
facebook-token            EA~AC<A150>
clickup-token             p~k_<D8>_<U32>
okta-token                OKTA_API_TOKEN=00<W40>
algolia-key               ALGOLIA_ADMIN_KEY=<H32>
asana-token               ASANA_TOKEN=1/<D16>:<H32>
private-key-putty         Private-~Lines: 14N<S64>N<S64>N
private-key-openvpn       -----BEGIN OpenVPN ~Static key V1-----N<H200>N<H200>N-----END
private-key-wireguard     Private~Key = <S42>A=
private-key-jwk           {"k~ty": "RSA", "d": "<W86>"}
private-key-pem-encrypted Proc-~Type: 4,ENCRYPTEDNDEK-Info: AES-128-CBC,<H32>NN<S64>N<S64>N
jwt                       ey~JhbGci<A30>.ey~J<A80>.<W43>
docker-config-auth        {"auths": {"registry.example.com": {"au~th": "<S48>"}}}
netrc-password            mach~ine git.corp.internal login ada password <A20>
basic-auth-header         Authorization: Bas~ic <S40>
password-hash             root:$6~$<A16>$<A86>:19000:0
rails-master-key          RAILS_MASTER~_KEY=<H32>
laravel-app-key           APP_~KEY=base64:<S43>=
django-secret-key         SECRET = 'django-~insecure-<A50>'
postgres-url              postgres://app:<A18>@db.corp.internal:5432/app
mysql-url                 mysql+pymysql://app:<A18>@db.corp.internal/app
mongodb-url               mongodb+srv://app:<A18>@cluster.corp.internal/app
redis-url                 rediss://:<A18>@cache.corp.internal:6379/0
amqp-url                  amqps://app:<A18>@mq.corp.internal/v
mssql-url                 mssql+pyodbc://app:<A18>@db.corp.internal/app
clickhouse-url            clickhouse://app:<A18>@ch.corp.internal/app
smtp-url                  smtps://app:<A18>@mail.corp.internal:465
ftp-url                   sftp://app:<A18>@files.corp.internal/in
ldap-url                  ldaps://app:<A18>@dir.corp.internal
http-url                  https://ada:<A18>@git.corp.internal/x.git
jdbc-url                  jdbc:oracle:thin://db.corp.internal/x?user=a&password=<A18>
connection-string         Server=db.corp.internal;Database=x;User Id=a;Password=<A18>;
generic-password          db_password = "<A20>"
generic-secret            client_secret: <A40>
generic-token             access_token = "<A40>"
generic-api-key           api_key = '<A40>'
generic-credential        credential: "<A40>"
generic-bearer            Authorization: Bearer <A40>
"""


def forms() -> dict[str, str]:
    """Each rule's form, by the rule's id."""
    rows = (line.split(None, 1) for line in _FORMS.strip().splitlines())
    found = {f"secret-{name}": form for name, form in rows}
    return found | {f"secret-private-key-{name}": f"pem {words}" for name, words in _PEM.items()}


def sample(rule: str, seed: int = 1) -> str:
    """A text in which a rule has to find one secret."""
    form = forms()[rule]
    if form.startswith("pem "):
        return key(form.removeprefix("pem "), seed=seed)
    if rule.startswith("secret-private-key-p"):
        form = form.replace("EDND", "ED\nD").replace(">N", ">\n").replace("14N", "14\n")
        form = form.replace("\nN", "\n\n")
    if rule == "secret-private-key-openvpn":
        form = form.replace("-N<", "-\n<").replace(">N", ">\n")
    return filled(form, seed)
