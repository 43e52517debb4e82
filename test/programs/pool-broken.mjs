// A module that throws while it loads.
throw new TypeError('broken at load');
