"""An AWS without an account: moto on loopback, and a Terraform provider of ours that drives it.

It exists so that the whole loop runs on a laptop, with the real terraform and the unchanged source
of every blueprint. It must never reach a real account: the provider refuses every endpoint that
is not a loopback address, and its states are worthless outside the cloud that they were made in.
"""
