-- Sends the requests of a file in turn, each as it stands there, and prints what wrk counted as one line of JSON.

local requests, at = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    requests[#requests + 1] = request
  end
  file:close()
  at = tonumber(args[2])
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors, histogram = summary.errors, {}
  for index = 1, #latency do
    histogram[index] = string.format("[%d,%d]", latency(index))
  end
  print(string.format(
    '{"requests":%d,"seconds":%f,"errors":%d,"histogram":[%s]}',
    summary.requests,
    summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    table.concat(histogram, ",")
  ))
end
