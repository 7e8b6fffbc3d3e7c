#nullable enable
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Newtonsoft.Json.Linq;
using UnityEditor;
using UnityEngine;

namespace SphereLinks.Editor
{
    /// <summary>
    /// Without a window: Unity -batchmode -projectPath . -executeMethod SphereLinks.Editor.Batch.Generate -picture FILE -out
    /// Assets/NAME.prefab, or -pictures FOLDER -out Assets/FOLDER; -options JSON, -height METRES; with -picture also -back, -left
    /// and -right FILE, pictures of the object's other sides. The same command goes on
    /// where an earlier one was ended. Exit codes are those of the command line.
    /// </summary>
    public static class Batch
    {
        private static readonly Dictionary<string, int> ExitCodes = new Dictionary<string, int>
        {
            ["internal_error"] = 1,
            ["usage"] = 2, ["address"] = 2, ["invalid_option"] = 2, ["invalid_api_key"] = 2, ["missing_scope"] = 2, ["no_key"] = 2,
            ["invalid_request"] = 2, ["insufficient_credits"] = 2, ["key_cap_reached"] = 2,
            ["picture_unreadable"] = 3, ["picture_too_large"] = 3,
            ["no_object"] = 4,
            ["unreachable"] = 6, ["redirected"] = 6, ["bad_answer"] = 6, ["too_large"] = 6, ["rate_limited"] = 6, ["no_importer"] = 6,
            ["database_unavailable"] = 6, ["storage_unavailable"] = 6, ["service_error"] = 6,
            ["file_error"] = 7, ["import_failed"] = 7,
        };

        public static void Generate()
        {
            int code;
            try
            {
                code = Run(Environment.GetCommandLineArgs());
            }
            catch (Failure failure)
            {
                code = Say(failure);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                code = Say(new Failure("file_error", error.Message, inner: error));
            }
            catch (Exception error)
            {
                Debug.LogException(error);
                code = 1;
            }
            EditorApplication.Exit(code);
        }

        /// <summary>The exit code for the code of a failure.</summary>
        public static int ExitCode(string code) => ExitCodes.TryGetValue(code, out var exit) ? exit : 5;

        private static int Run(string[] arguments)
        {
            var folder = Argument(arguments, "-pictures");
            var pictures = folder.Length > 0
                ? Directory.GetFiles(folder).Where(Pictures.IsFile).OrderBy(path => path, StringComparer.Ordinal).ToArray()
                : new[] { Argument(arguments, "-picture") };
            var target = Argument(arguments, "-out").Replace('\\', '/').TrimEnd('/');
            if (pictures.Length == 0 || pictures[0].Length == 0)
                throw Usage("-picture or -pictures names no PNG, JPEG or WebP file.");
            var isFile = target.EndsWith(".prefab", StringComparison.Ordinal);
            if (!target.StartsWith("Assets/", StringComparison.Ordinal) && target != "Assets" || target.Contains("/../"))
                throw Usage($"-out is '{target}': give a folder below Assets, or a file that ends in .prefab.");
            if (isFile && folder.Length > 0)
                throw Usage("-out is one prefab, and -pictures are many: give a folder.");
            var options = Options(arguments);
            var sides = Server.Sides.Where(side => Argument(arguments, "-" + side).Length > 0).ToList();
            if (sides.Count > 0 && folder.Length > 0)
                throw Usage($"-{sides[0]} goes with -picture: -pictures makes a model of each.");
            var others = sides.ToDictionary(side => side, side => Pictures.FromFile(Argument(arguments, "-" + side)).Data);
            Directory.CreateDirectory(Session.Folder);
            var name = Jobs.Digest(Encoding.UTF8.GetBytes(folder + pictures[0] + target)).Substring(0, 16);
            var state = new BatchState(Path.Combine(Session.Folder, $"batch-{name}.json"));
            Session.Jobs.Adopt();
            var rows = pictures.Select(path => Begin(state, path, others, options, target, isFile)).Where(row => row != null).ToList();
            while (rows.Count > 0)
            {
                rows = rows.Where(row => !Ended(state, row!)).ToList();
                Thread.Sleep(100);
            }
            var failed = state.Rows.Where(row => pictures.Contains(row.Picture) && row.Problem != null).ToList();
            return failed.Count == 0 ? 0 : ExitCode(failed[0].Problem!.Code);
        }

        /// <summary>A row at work; null where it is done, or could not begin.</summary>
        private static BatchRow? Begin(
            BatchState state, string path, IReadOnlyDictionary<string, byte[]> sides, JObject options, string target, bool isFile)
        {
            var row = new BatchRow(path);
            try
            {
                var picture = Pictures.FromFile(path);
                row = state.Row(path, picture.Data, options, sides);
                if (row.Result.Length > 0 && File.Exists(row.Result))
                {
                    Debug.Log($"SphereLinks: {path}: {row.Result} is there already.");
                    return null;
                }
                var job = Session.Jobs.Get(row.Job);
                if (job == null || job.Ended && job.State != JobState.Failed)
                    job = Submission.New(picture, options, Target(picture, target, isFile), sides: sides);
                else if (job.State == JobState.Failed)
                    job = Session.Jobs.Again(job);
                row = row with { Job = job.Id, Problem = null };
                state.Put(row);
                Session.Start(job);
                return row;
            }
            catch (Failure failure)
            {
                Say(failure);
                state.Put(row with { Problem = new Problem(failure.Code, failure.Message, failure.Hint) });
                return null;
            }
        }

        private static Placement Target(Picture picture, string target, bool isFile)
        {
            var placement = Placement.Standard(picture.Source);
            if (!isFile)
                return placement with { Folder = target };
            if (File.Exists(target))
                throw new Failure("file_error", $"{target} is there already.", "Give another name, or remove it.");
            return placement with { Prefab = target, Glb = target.Substring(0, target.Length - ".prefab".Length) + ".glb" };
        }

        private static bool Ended(BatchState state, BatchRow row)
        {
            var job = Session.Jobs.Get(row.Job);
            if (job is { State: JobState.Ready })
            {
                Placing.Place(job);
                job = Session.Jobs.Get(row.Job);
            }
            if (job is { Ended: false })
                return false;
            var result = job is { State: JobState.Placed } ? Placement.FromJson(job.Placement).Prefab : "";
            var problem = result.Length > 0 ? null : job?.Problem ?? new Problem("cancelled", "The job was cancelled.", "");
            state.Put(row with { Result = result, Problem = problem });
            if (problem == null)
                Debug.Log($"SphereLinks: {row.Picture}: {result}");
            else
                Debug.LogError($"SphereLinks: {row.Picture}: {Messages.Of(problem)}");
            return true;
        }

        private static JObject Options(string[] arguments)
        {
            var text = Argument(arguments, "-options");
            var options = text.Length == 0
                ? new JObject()
                : Json.Object(text) ?? throw Usage($"-options is {text}: give a JSON object such as {{\"seed\": 1}}.");
            var height = Argument(arguments, "-height");
            if (height.Length == 0)
                return options;
            if (!double.TryParse(height, NumberStyles.Float, CultureInfo.InvariantCulture, out var metres) || !(metres > 0))
                throw Usage($"-height is {height}: give metres, such as 0.3.");
            options["dimensions"] = new JObject { ["height"] = metres, ["unit"] = "m" };
            return options;
        }

        private static string Argument(string[] arguments, string name)
        {
            var at = Array.IndexOf(arguments, name);
            return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : "";
        }

        private static Failure Usage(string message) => new Failure("usage", message);

        private static int Say(Failure failure)
        {
            Debug.LogError("SphereLinks: " + Messages.Of(failure));
            return ExitCode(failure.Code);
        }
    }
}
