{
  "targets": [
    {
      "target_name": "millrace",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/millrace.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
