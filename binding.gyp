{
  "targets": [
    {
      "target_name": "sluice",
      "sources": ["<!@(node scripts/native-sources.mjs)"],
      "include_dirs": ["native/core", "native/addon", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "SLUICE_OLD_GLIBC"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O3", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wextra"],
      "conditions": [
        [
          "OS=='linux'",
          {
            "cflags": ["-ffunction-sections", "-fdata-sections"],
            "ldflags": [
              "-Wl,-z,nodelete",
              "-Wl,--gc-sections",
              "-Wl,--version-script=<(module_root_dir)/native/addon/exports.map",
              "-static-libstdc++",
              "-static-libgcc"
            ]
          }
        ]
      ],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES"
      }
    }
  ]
}
