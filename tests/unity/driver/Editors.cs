using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;
using SphereLinks;

/// <summary>Editors with a user each, who does what lines on standard input say: {"name": …, "do": …}. Each is answered.
/// </summary>
internal static class Editors
{
    private static readonly Dictionary<string, Editor> Open = new Dictionary<string, Editor>();

    public static async Task<JToken> Run()
    {
        for (string line; (line = await Console.In.ReadLineAsync()) != null;)
        {
            var asked = JObject.Parse(line);
            var name = (string)asked["name"];
            var step = (string)asked["do"];
            if (step == "open")
                Open[name] = new Editor(asked);
            var answer = await Open[name].Do(step);
            Driver.Say(new JObject { ["answer"] = answer });
        }
        return Open.Count;
    }

    private sealed class Editor
    {
        private readonly Jobs _jobs;
        private readonly Runner _runner;
        private readonly Connection _connection;
        private readonly string _picture;
        private readonly JArray _states = new JArray();
        private string _job;

        /// <summary>One that goes on with what an earlier one has left.</summary>
        public Editor(JObject asked)
        {
            _jobs = new Jobs((string)asked["folder"]);
            // without a pause mono sends the next request over the connection that is just being closed
            var pause = TimeSpan.FromSeconds(0.1);
            _runner = new Runner(_jobs) { Pause = pause, LongestPause = pause };
            _connection = Driver.Connect(asked);
            _picture = (string)asked["picture"];
            _jobs.Changed += job =>
            {
                var state = job.State.ToString().ToLowerInvariant();
                lock (_states)
                    if (_states.Count == 0 || (string)_states.Last != state)
                        _states.Add(state);
            };
            foreach (var job in _jobs.Adopt())
            {
                _job = job.Id;
                _runner.Start(job.Id, _connection);
            }
        }

        public async Task<JToken> Do(string step)
        {
            switch (step)
            {
                case "submit":
                    var sides = new Dictionary<string, byte[]> { ["back"] = new byte[] { 1 }, ["left"] = new byte[] { 2 } };
                    _job = _jobs.New(new Job { Server = _connection.Address, Name = "mug" }, File.ReadAllBytes(_picture), sides).Id;
                    _runner.Start(_job, _connection);
                    break;
                case "cancel":
                    await _runner.Cancel(_job, _connection);
                    break;
                case "again":
                    _job = _jobs.Again(_jobs.Get(_job)).Id;
                    _runner.Start(_job, _connection);
                    break;
                case "rest":
                    while (_runner.Busy)
                        await Task.Delay(10);
                    break;
                case "close":
                    _runner.Stop(TimeSpan.FromSeconds(5));
                    _jobs.Dispose();
                    break;
            }
            var shown = _job == null ? null : _jobs.Get(_job).ToJson();
            lock (_states)
                return new JObject { ["job"] = _job, ["states"] = _states.DeepClone(), ["shown"] = shown };
        }
    }
}
