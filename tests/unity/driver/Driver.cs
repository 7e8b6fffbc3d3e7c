using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using SphereLinks;

/// <summary>Does with the package's engine-free code what a line on standard input says: {"command": …}. Prints JSON, a line
/// each; what was asked is answered with {"result": …}.</summary>
public static class Driver
{
    public static int Main()
    {
        var asked = JObject.Parse(Console.In.ReadLine());
        var result = Answer(asked).GetAwaiter().GetResult();
        Say(new JObject { ["result"] = result });
        return 0;
    }

    private static async Task<JToken> Answer(JObject asked)
    {
        switch ((string)asked["command"])
        {
            case "jobs":
                return new JArray(await Task.WhenAll(asked["jobs"].Select(each => NewJob((JObject)each))));
            case "pick up":
                return await PickUp(asked);
            case "own":
                return await Own(asked);
            case "editors":
                return await Editors.Run();
            case "requests":
                return new JArray(await Task.WhenAll(asked["requests"].Select(each => Ask((JObject)each))));
            case "forms":
                return Forms(asked);
            case "remedies":
                return new JObject
                {
                    ["hints"] = new JObject(Remedies.ByCode.Select(each => new JProperty(each.Key, each.Value))),
                    ["endsJob"] = new JArray(Failure.EndsJob),
                };
            case "glb":
                return new JArray(asked["paths"].Select(path => Contents((string)path)));
            case "keychain":
                return Keep(asked);
            case "local":
                try
                {
                    return await Local(asked);
                }
                catch (Failure failure)
                {
                    return new JObject { ["code"] = failure.Code, ["message"] = failure.Message, ["hint"] = failure.Hint };
                }
            default:
                throw new ArgumentException(asked.ToString());
        }
    }

    public static Connection Connect(JObject asked)
    {
        var limits = new Limits();
        if (asked["silence"] != null)
            limits = limits with { Silence = TimeSpan.FromSeconds((double)asked["silence"]) };
        if (asked["within"] != null)
            limits = limits with
            {
                Answer = TimeSpan.FromSeconds((double)asked["within"]),
                File = TimeSpan.FromSeconds((double)asked["within"]),
            };
        return new Connection((string)asked["address"], (string)asked["key"], new HttpTransport(), limits);
    }

    /// <summary>One job of its own from picture to asset: told as it goes, cancelled when it is in state "cancel".</summary>
    private static async Task<JToken> NewJob(JObject asked)
    {
        using var jobs = new Jobs((string)asked["folder"]);
        var runner = new Runner(jobs);
        if (asked["pause"] != null)
            runner.LongestPause = runner.Pause = TimeSpan.FromSeconds((double)asked["pause"]);
        if (asked["limit"] != null)
            runner.Limit = TimeSpan.FromSeconds((double)asked["limit"]);
        var connection = Connect(asked);
        var wanted = new Job { Server = connection.Address, Name = "mug", Options = (JObject)asked["options"] ?? new JObject() };
        var sides = (JObject)asked["sides"] ?? new JObject();
        var job = jobs.New(
            wanted,
            File.ReadAllBytes((string)asked["picture"]),
            sides.Properties().ToDictionary(each => each.Name, each => File.ReadAllBytes((string)each.Value)));
        var progress = new JArray();
        jobs.Changed += changed =>
        {
            if (progress.Count == 0 || (int)progress.Last != changed.Progress)
                progress.Add(changed.Progress);
        };
        Task<Job> work = null;
        var last = "";
        while (true)
        {
            var now = jobs.Get(job.Id);
            var told = $"{now.State} {now.Progress}";
            if (told != last)
                Say(new JObject { ["id"] = job.Id, ["state"] = now.State.ToString().ToLowerInvariant(), ["progress"] = now.Progress });
            last = told;
            if (asked["cancel"] != null && now.State.ToString().ToLowerInvariant() == (string)asked["cancel"])
                await runner.Cancel(job.Id, connection);
            work ??= runner.Run(job.Id, connection);
            if (work.IsCompleted && jobs.Get(job.Id).State == now.State)
                break;
            await Task.WhenAny(work, Task.Delay(5));
        }
        var code = "";
        try
        {
            await work;
        }
        catch (Failure failure)
        {
            code = failure.Code;
        }
        var ended = jobs.Get(job.Id).ToJson();
        ended["shown"] = progress.Count > 0 && (int)progress[0] == 0 ? progress : new JArray(new object[] { 0 }.Concat(progress));
        ended["thrown"] = code;
        ended["asset"] = jobs.Asset(job.Id);
        return ended;
    }

    /// <summary>Adopts what there is, "again" also what has failed, and runs it to its end.</summary>
    private static async Task<JToken> PickUp(JObject asked)
    {
        using var jobs = new Jobs((string)asked["folder"]);
        var runner = new Runner(jobs);
        var connection = Connect(asked);
        var taken = jobs.Adopt().Select(job => job.Id).ToList();
        if (asked["again"] != null)
            taken.AddRange(jobs.All().Where(job => job.State == JobState.Failed).ToList().Select(job => jobs.Again(job).Id));
        Say(new JObject { ["taken"] = new JArray(taken) });
        foreach (var id in taken)
            runner.Start(id, connection);
        while (runner.Busy)
            await Task.Delay(20);
        return new JArray(jobs.All().Select(job => job.ToJson()));
    }

    /// <summary>Opens a folder, makes a job in it, adopts what there is, and holds all until a further line comes.</summary>
    private static async Task<JToken> Own(JObject asked)
    {
        using var jobs = new Jobs((string)asked["folder"]);
        var job = jobs.New(new Job { Name = "mug", Server = "http://127.0.0.1" }, new byte[] { 1 });
        var taken = jobs.Adopt();
        for (var round = 0; round < (int)asked["rounds"]; round++)
        {
            jobs.Update(job.Id, old => old with { Progress = round });
            taken = taken.Concat(jobs.Adopt()).ToList();
        }
        Say(new JObject { ["held"] = job.Id, ["taken"] = new JArray(taken.Select(each => each.Id)) });
        await Console.In.ReadLineAsync();
        return new JArray(jobs.Adopt().Select(each => each.Id));
    }

    private static async Task<JToken> Ask(JObject asked)
    {
        try
        {
            var connection = Connect(asked);
            var headers = ((JObject)asked["headers"] ?? new JObject()).Properties().ToDictionary(each => each.Name, each => (string)each.Value);
            var body = asked["body"] == null ? null : System.Text.Encoding.UTF8.GetBytes((string)asked["body"]);
            if (asked["target"] == null)
                return new JObject { ["body"] = await connection.Object((string)asked["method"], (string)asked["path"], body, headers) };
            await connection.File((string)asked["path"], (string)asked["target"]);
            return new JObject { ["body"] = "" };
        }
        catch (Failure failure)
        {
            return new JObject
            {
                ["code"] = failure.Code,
                ["message"] = failure.Message,
                ["hint"] = failure.Hint,
                ["transient"] = failure.Transient,
                ["retryAfter"] = failure.RetryAfter.TotalSeconds,
            };
        }
    }

    private static JToken Forms(JObject asked)
    {
        var connection = new Connection("http://127.0.0.1", "", new HttpTransport());
        var info = new ServerInfo(connection, (JObject)asked["account"], (JObject)asked["generators"]);
        var forms = new JObject();
        foreach (var generator in info.Generators)
            forms[generator] = new JArray(info.Form(generator).Fields.Select(Shown));
        return new JObject
        {
            ["forms"] = forms,
            ["sides"] = new JObject(info.Generators.Select(name => new JProperty(name, new JArray(info.Form(name).Sides)))),
            ["cases"] = new JArray(asked["cases"].Select(each => Entered(info, (JObject)each))),
            ["presets"] = new JArray(info.Presets.Select(preset =>
                info.Form("").Request(info.Form("").Preset(preset.Options)))),
            ["credits"] = info.Credits,
        };
    }

    private static JToken Shown(Field field)
    {
        var shown = new JObject
        {
            ["name"] = field.Name,
            ["label"] = field.Label,
            ["kind"] = field.Kind.ToString().ToLowerInvariant(),
            ["default"] = new JValue(field.Default),
        };
        if (field.Kind == FieldKind.Integer || field.Kind == FieldKind.Number)
        {
            shown["low"] = field.Low;
            shown["high"] = field.High;
        }
        if (field.Choices.Count > 0)
            shown["choices"] = new JArray(field.Choices);
        return shown;
    }

    private static JToken Entered(ServerInfo info, JObject entered)
    {
        var values = ((JObject)entered["values"]).Properties().ToDictionary(
            each => each.Name, each => ((JValue)each.Value).Value);
        try
        {
            return new JObject { ["sent"] = info.Form((string)entered["generator"]).Request(values) };
        }
        catch (ArgumentException refused)
        {
            return new JObject { ["refused"] = refused.ParamName, ["message"] = refused.Message };
        }
    }

    private static JToken Contents(string path)
    {
        var glb = Glb.Read(path);
        return new JObject
        {
            ["extras"] = glb.Extras,
            ["required"] = new JArray(glb.Required),
            ["colliders"] = new JArray(glb.Colliders),
            ["levels"] = new JArray(glb.Levels.Select(level => new JObject
            {
                ["mesh"] = level.Mesh,
                ["material"] = level.Material,
                ["translation"] = new JArray(level.Translation),
                ["scale"] = new JArray(level.Scale),
            })),
        };
    }

    private static JToken Keep(JObject asked)
    {
        var address = (string)asked["address"];
        var stored = Keychain.Store(address, (string)asked["key"]);
        var read = Keychain.Load(address);
        Keychain.Forget(address);
        return new JObject { ["stored"] = stored, ["read"] = read, ["left"] = Keychain.Load(address) };
    }

    private static async Task<JToken> Local(JObject asked)
    {
        var connection = Connect(asked);
        var program = LocalServer.Find((string)asked["program"]);
        using var process = await LocalServer.Start(program, connection, (string)asked["log"], CancellationToken.None);
        var key = LocalServer.NewKey(program);
        var info = await ServerInfo.Ask(new Connection(connection.Address, key, new HttpTransport()), CancellationToken.None);
        LocalServer.Stop(process.Id);
        return new JObject { ["account"] = info.Account, ["presets"] = info.Presets.Count, ["ended"] = process.HasExited };
    }

    public static void Say(JObject line)
    {
        lock (Console.Out)
        {
            Console.Out.WriteLine(line.ToString(Formatting.None));
            Console.Out.Flush();
        }
    }
}
