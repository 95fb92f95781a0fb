"""The version of VK's API that all calls name, and that the Callback API of each community is set to."""

API_VERSION = "5.199"
