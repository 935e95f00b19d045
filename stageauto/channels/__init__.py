"""What talks to services: one module per kind of channel, each a `ChannelType` of `stageauto.channels.base`."""
