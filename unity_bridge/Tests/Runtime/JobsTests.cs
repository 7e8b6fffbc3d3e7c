using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Newtonsoft.Json.Linq;
using NUnit.Framework;

namespace SphereLinks.Tests
{
    public class JobsTests
    {
        private string _folder;

        [SetUp]
        public void Make() => _folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));

        [TearDown]
        public void Remove() => Directory.Delete(_folder, true);

        private static Job Wanted => new Job
        {
            Server = "http://127.0.0.1", Name = "mug", Options = new JObject { ["seed"] = 7 }, Placement = new JObject { ["place"] = true },
        };

        [Test]
        public void AJobIsTheSameAfterItWasRead()
        {
            string written;
            using (var jobs = new Jobs(_folder))
            {
                var job = jobs.New(Wanted, new byte[] { 1, 2 }, new Dictionary<string, byte[]> { ["back"] = new byte[] { 3 } });
                job = jobs.Update(job.Id, old => old with
                {
                    State = JobState.Failed, Problem = new Problem("a", "b", "c"), Eta = 3, Progress = 40, Stage = "matte", Over = true,
                });
                written = job.ToJson().ToString();
            }
            using (var jobs = new Jobs(_folder))
                Assert.AreEqual(written, jobs.All().Single().ToJson().ToString());
        }

        [Test]
        public void WhatIsNoJobHidesNoOther()
        {
            using (var jobs = new Jobs(_folder))
                jobs.New(Wanted, new byte[0]);
            File.WriteAllText(Path.Combine(_folder, "other.json"), "{");
            File.WriteAllText(Path.Combine(_folder, "another.json"), "{\"id\": 5, \"state\": \"dancing\"}");
            using (var jobs = new Jobs(_folder))
                Assert.AreEqual(1, jobs.All().Count);
        }

        [Test]
        public void UnfinishedJobsGoToTheNextAndEndedOnesDoNot()
        {
            string unfinished;
            using (var jobs = new Jobs(_folder))
            {
                unfinished = jobs.New(Wanted, new byte[0]).Id;
                var ended = jobs.New(Wanted, new byte[0]);
                jobs.Update(ended.Id, old => old with { State = JobState.Placed });
                using (var other = new Jobs(_folder))
                    Assert.IsEmpty(other.Adopt());
            }
            using (var jobs = new Jobs(_folder))
            {
                Assert.AreEqual(new[] { unfinished }, jobs.Adopt().Select(job => job.Id).ToArray());
                Assert.IsEmpty(jobs.Adopt());
            }
        }

        [Test]
        public void AFailedJobIsTakenUpUnderItsKeyUnlessTheServersIsOver()
        {
            using (var jobs = new Jobs(_folder))
            {
                var open = jobs.New(Wanted, new byte[] { 1 });
                open = jobs.Update(open.Id, old => old with { State = JobState.Failed, Problem = new Problem("time_limit", "", "") });
                Assert.AreEqual(open.Id, jobs.Again(open).Id);
                var over = jobs.New(Wanted, new byte[] { 1 });
                over = jobs.Update(over.Id, old => old with { State = JobState.Failed, Problem = new Problem("no_object", "", "") });
                var anew = jobs.Again(over);
                Assert.AreNotEqual(over.Id, anew.Id);
                Assert.AreEqual(7, (int)anew.Options["seed"]);
                Assert.IsNull(jobs.Get(over.Id));
            }
        }

        [Test]
        public void OldEndedJobsArePruned()
        {
            using (var jobs = new Jobs(_folder))
            {
                for (var i = 0; i < Jobs.Kept + 3; i++)
                    jobs.Update(jobs.New(Wanted, new byte[0]).Id, old => old with { State = JobState.Placed });
                jobs.Prune();
                Assert.AreEqual(Jobs.Kept, jobs.All().Count);
            }
        }

        [Test]
        public void ABatchGoesOnWhereItEnded()
        {
            Directory.CreateDirectory(_folder);
            var path = Path.Combine(_folder, "batch.json");
            var options = new JObject();
            var state = new BatchState(path);
            state.Put(state.Row("a.png", new byte[] { 1 }, options) with { Job = "j", Result = "a.prefab" });
            state = new BatchState(path);
            Assert.AreEqual("a.prefab", state.Row("a.png", new byte[] { 1 }, options).Result);
            Assert.AreEqual("", state.Row("a.png", new byte[] { 2 }, options).Result);
            Assert.AreEqual("", state.Row("a.png", new byte[] { 1 }, new JObject { ["seed"] = 1 }).Result);
        }
    }
}
