"""Opens a bucket to everybody by hand, past git: python by-hand.py ENDPOINT ACCOUNT BUCKET."""

import sys

import boto3

endpoint, account, bucket = sys.argv[1:]
client = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="eu-central-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",  # noqa: S106  # the simulated cloud asks for none
)


def in_account(params: dict[str, dict[str, str]], **_: object) -> None:
    """Name the account, as the sandbox wants it."""
    params["headers"]["x-moto-account-id"] = account


client.meta.events.register("before-call", in_account)
everything = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
client.put_public_access_block(
    Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(everything, False)
)
print(f"{bucket} is open to everybody")  # noqa: T201  # a script
