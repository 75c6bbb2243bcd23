// A part of BullMQ's that comes built. `pnpm bench` installs without the workspace, and so without the settings in its file.
module.exports = {
  hooks: {
    updateConfig: (config) => ({ ...config, allowBuilds: { ...config.allowBuilds, "msgpackr-extract": false } })
  }
}
