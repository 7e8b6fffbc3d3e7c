#nullable enable
using System;
using System.IO;
using UnityEditor;
using UnityEngine;
using UnityEngine.SceneManagement;

namespace SphereLinks.Editor
{
    /// <summary>From a job that is ready to a prefab of the project, and an instance in its scene.</summary>
    internal static class Placing
    {
        /// <summary>Does it, or says in the job why not.</summary>
        public static void Place(Job job)
        {
            try
            {
                Bring(job);
            }
            catch (Failure failure)
            {
                Fail(job, failure);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Fail(job, new Failure("file_error", error.Message, inner: error));
            }
            catch (Exception error) // otherwise it would be tried again with every look
            {
                Debug.LogException(error);
                Fail(job, new Failure("internal_error", $"{error.GetType().Name}: {error.Message}", "Please report this.", inner: error));
            }
        }

        /// <summary>The path of the prefab. Every step may be done again after a crash: it then finds what it left.
        /// Throws <see cref="Failure"/>, IOException, UnauthorizedAccessException.</summary>
        public static string Bring(Job job)
        {
            var placement = Chosen(job);
            var glb = Glb.Read(Session.Jobs.Asset(job.Id));
            Directory.CreateDirectory(Path.GetDirectoryName(placement.Glb)!);
            if (placement.Replace.Length > 0)
                Files.Copy(Session.Jobs.Asset(job.Id), placement.Glb, true);
            else if (!File.Exists(placement.Glb))
                Files.Copy(Session.Jobs.Asset(job.Id), placement.Glb, false);
            AssetDatabase.ImportAsset(placement.Glb, ImportAssetOptions.ForceUpdate | ImportAssetOptions.ForceSynchronousImport);
            var model = AssetDatabase.LoadAssetAtPath<GameObject>(placement.Glb);
            if (model == null)
                throw Gltfast.IsInstalled
                    ? new Failure("import_failed", Texts.Of("import_failed", ("path", placement.Glb)), Texts.Of("hint_import_failed"))
                    : Gltfast.Missing();
            Provenance.Write(placement.Glb, job, placement);
            model = AssetDatabase.LoadAssetAtPath<GameObject>(placement.Glb);
            var prefab = Prefabs.Save(model, glb, placement);
            Provenance.Write(placement.Prefab, job, placement);
            var instance = Stand(prefab, placement);
            Session.Jobs.Update(job.Id, old => old with { State = JobState.Placed, Problem = null });
            Messages.Say(Texts.Of("model_ready", ("path", placement.Prefab)), instance == null ? prefab : instance);
            return placement.Prefab;
        }

        /// <summary>An instance of a prefab in the scene it was asked for in, as one step of Undo; null where that is not
        /// open.</summary>
        private static GameObject? Stand(GameObject prefab, Placement placement)
        {
            if (placement.Scene == null || SceneManager.GetActiveScene().path != placement.Scene)
                return null;
            var instance = (GameObject)PrefabUtility.InstantiatePrefab(prefab);
            instance.transform.position = placement.Position;
            Undo.RegisterCreatedObjectUndo(instance, Texts.Of("generate"));
            Selection.activeGameObject = instance;
            return instance;
        }

        /// <summary>The job's placement with the names of its files, on disk before anything is written under them.</summary>
        private static Placement Chosen(Job job)
        {
            var placement = Placement.FromJson(job.Placement);
            if (placement.Glb.Length > 0)
                return placement;
            if (placement.Replace.Length > 0)
            {
                var glb = Provenance.GlbOf(placement.Replace);
                if (glb.Length == 0)
                    throw new Failure(
                        "not_ours", Texts.Of("not_ours", ("path", placement.Replace)), Texts.Of("hint_not_ours"));
                placement = placement with { Glb = glb, Prefab = placement.Replace };
            }
            else
            {
                var name = Free(placement.Folder, Files.SafeName(job.Name));
                placement = placement with { Glb = $"{placement.Folder}/{name}.glb", Prefab = $"{placement.Folder}/{name}.prefab" };
            }
            Session.Jobs.Update(job.Id, old => old with { Placement = placement.ToJson() });
            return placement;
        }

        /// <summary>A name under which neither file is there yet.</summary>
        private static string Free(string folder, string name)
        {
            var free = name;
            for (var number = 1; Taken($"{folder}/{free}.glb") || Taken($"{folder}/{free}.prefab"); number++)
                free = $"{name} {number}";
            return free;
        }

        /// <summary>By a file, or by what is left of one that version control has not yet brought.</summary>
        private static bool Taken(string path) => File.Exists(path) || File.Exists(path + ".meta");

        private static void Fail(Job job, Failure failure)
        {
            Session.Jobs.Update(job.Id, old => old with
            {
                State = JobState.Failed, Problem = new Problem(failure.Code, failure.Message, failure.Hint),
            });
            Messages.Warn(failure);
        }
    }
}
